"""Requests before their batch (ADR 11): taken in, taken back, started when their time has come."""
