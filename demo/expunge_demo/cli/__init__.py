"""The demonstration's commands, which `expunge` finds by entry point (group `expunge.commands`).

demo         all of it on three real servers, once
serve_demo   the same company behind the HTTP API, until Ctrl-C
"""
