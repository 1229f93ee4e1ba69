"""What JupyterHub is handed: login, spawner, proxy. Never sees data."""
