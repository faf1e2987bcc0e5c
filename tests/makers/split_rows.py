"""A made-up set whose table numbers patients."""

ENTRY = """\
releases:
  - id: "1"
    source: made up
    files: [{host: web, name: a.zip, url: "https://data.example.org/a.zip", unpack: zip}]
tables:
  - reader: delimited
    path: metadata.csv
    source: made up
    columns: {patient_id: patientid, finding: finding, view: view, filename: filename}
    image: "images/{filename}"
"""
