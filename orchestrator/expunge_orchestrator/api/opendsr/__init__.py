"""OpenDSR 2.0 as a processor: controllers that speak it send requests here and get signed answers.

The specification is dormant (github.com/opengdpr/OpenDSR); its four statuses cannot say held, partly retained or
denied, so `extensions` say it. What is signed there is that a request was taken in and how far it is, not what was
deleted: that is on our receipt. Mounted at `/opendsr/v2`.

app        discovery and requests
schemas    bodies
signing    signatures of responses
statuses   our states in its four
"""
