"""Carries out what the rules decide: lanes into the store, events out to connections.

The only place that maps users to connections.
"""
