"""The review site: a queue, one page a request, a decision; and the requestor's own list.

Stands on its own host name. Never serves a byte that was uploaded: tables are drawn anew.
"""

from egress_review.web.app import make_site

__all__ = ["make_site"]
