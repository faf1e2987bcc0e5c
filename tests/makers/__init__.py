"""What tests make in code: archives, tables, catalog entries; one module a kind."""
