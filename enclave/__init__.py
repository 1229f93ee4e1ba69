"""The ground floor: nouns, rules, vault, gateway and page chrome. Imports no room."""
