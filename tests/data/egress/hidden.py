"""What hostile files hide, and the plain table some of them pretend to be."""

SECRET = "Maria Musterfrau 8731"
HIDDEN = SECRET.encode()
CSV = b"county,n\nHartford,120\nTolland,40\n"
