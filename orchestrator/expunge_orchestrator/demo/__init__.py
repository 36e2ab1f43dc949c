"""The demonstration: an invented company in real servers, and a judge that trusts nobody."""
