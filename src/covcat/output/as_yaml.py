"""YAML: a list of mappings."""

from covcat.output.rows import Rows


def text(rows: Rows) -> str:
    """Return every row with the columns that are known."""
    import yaml

    plain = [
        {column: row[column] for column in rows.columns if row.get(column) is not None}
        for row in rows.rows
    ]
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=False, width=100)
