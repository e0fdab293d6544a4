"""Reaching a PostgreSQL server: not for ever, and one that has gone away is noticed.

libpq by itself waits two minutes for an address that answers nothing, and for a quarter of an hour for a server that
was cut off in the middle of a connection.
"""

from sqlalchemy import URL, make_url

_PATIENCE = {
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "15000",  # milliseconds
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
}
"""Parameters of a connection, where DATABASE_URL doesn't set them itself."""


def with_patience(url: str) -> URL:
    """SQLAlchemy's URL with limits on waiting."""
    parsed = make_url(url)
    return parsed.set(query={**_PATIENCE, **parsed.query})


def address(url: str) -> str:
    """The same for psycopg's own connections."""
    return with_patience(url).set(drivername="postgresql").render_as_string(hide_password=False)
