"""Settings and the data map. Knows no store, no ledger and no connector.

datamap/        the data map: models, loading with line numbers, digest
settings        where things are and how to reach them: environment, settings file, secrets directory
settings_file   the settings file and the secrets directory, checked before they are read
regular_files  opens what the settings name: regular files alone
api_settings    settings of the HTTP API
search_settings settings of the blind search before settling
unsafe_characters   what no text holds that somebody reads: control, bidirectional and unseen characters
normalisers     the one spelling under which an identifier is compared, versioned
spellings       values that a library reads, and how a database proposes texts that may be one
phone_numbers   phone numbers as people write them
mailboxes       mailboxes as people write them
decodings       how a key is taken out of a URL, an encoded text or bytes
periods         ISO 8601 periods
calendars       public holidays and time zones
installed_objects   what installed packages offer by entry points
errors          ExpungeError and kin: message, remedy, exit code
"""
