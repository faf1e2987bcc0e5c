"""One file from an address: asked for, resumed, hashed, judged."""

STORES = ("s3://", "gs://", "az://")  # how addresses of object stores begin
