"""What the pages take from the code: tables, messages, the reference of the functions."""
