"""Made-up queries and broken texts for the gateway, each a pure function of its number."""
