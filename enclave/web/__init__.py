"""What every page shares: app factory, sessions, login, tables, charts. Never a business rule."""
