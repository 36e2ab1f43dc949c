"""Append-only transparency log of statements (Merkle tree, C2SP tiles, signed checkpoints).

transparency_log  Log (read), LogWriter (append)
merkle, tiles     RFC 6962 trees; C2SP tiles
growing_tree      the tree while leaves are appended: its right edge
leaf              what the log stores of a statement
signed_note       C2SP notes and checkpoints
proof_file        .tlog-proof
durable_files     files written once, and synced
"""
