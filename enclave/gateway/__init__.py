"""The only door to data: inspect, log, run, stream. Never holds more than one project a process."""
