"""Stores: what finds the vectors near a query's. `backend.py` is the contract of one, `registry.py` the door to all."""
