"""Statistical disclosure control, one method a file. Pure: no web, no database."""
