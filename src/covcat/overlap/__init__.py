"""Which pictures are the same, in one set or across sets; splits that do not leak."""
