"""Notifications: webhooks to the controller's systems and e-mail files to people, of what became of requests.

What is due is the difference between a request's state and what was notified last (`request.told`): both are durable in
the ledger, so that nothing is forgotten whatever is killed when. Differences are written to an outbox and delivered
outside of any transaction, at least once, in order per request.

events           which notifications a request owes (pure)
outbox           differences become rows of `notice`
delivery         rows are delivered, tried again later, or given up, visibly
webhook_sender   a POST, signed (Standard Webhooks)
email_files      files for the operator's mail system
email_text       what they say
letter_facts     what they may say, read from the receipt's statements (pure)
"""
