"""The HTTP API: `expunge serve`. Who may do what: ADR 12; what a request is: ADR 11; how it is called: docs/api.md."""
