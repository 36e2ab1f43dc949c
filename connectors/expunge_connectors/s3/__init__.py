"""S3 connector (and services that speak its protocol): all versions, delete markers and unfinished uploads.

connector              the contract's verbs
spec                   what the data map says
client                 requests, retries, concurrency, the service's clock
driver                 how a boto3 client is made, and how it reads answers
errors                 answers of the service to our errors
ttl_cache              settings of buckets, kept for a minute
targets                keys and prefixes of a subject (pure)
found_versions         names of a subject, and what is there below them (pure)
version_rules          which versions go, stay or are newer (pure)
listing                what is there, before erasing
range_listing          many names with few LIST requests
xml_names              keys that XML cannot say, and how listings have them (pure)
upload_aliases         unfinished uploads that a service lists under another name
lifecycle_rules        lifecycle rules parsed (pure)
lifecycle_drift        what lifecycles leave for longer than the map declares
early_rules            and what they end before a law lets it go (pure)
log_ages               objects of logs that are there for too long
object_lock            storage locks: retention dates and legal holds
deletion               DeleteObjects, or DeleteObject; delete markers, uploads; the ETag check without versioning
verification           what is left, by other requests
blind_search           `search_blind`: which buckets, and what objects are in the map
inspection             `check`
unmapped_identifiers   names that no template explains (`check --sample`)
draft                  `map draft`
"""

from expunge_connectors.s3.connector import S3Store
from expunge_connectors.s3.spec import ObjectSpec, S3Connection, S3Spec

__all__ = ["ObjectSpec", "S3Connection", "S3Spec", "S3Store"]
