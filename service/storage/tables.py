"""The tables of the database; what their rows mean stands in the room whose rows they are.

Times are seconds since 1970 (UTC) as floating-point numbers, so that SQLite and PostgreSQL store the same.
A change here needs a migration in `migrations/versions`.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

# conversation: who has a conversation, and who speaks in it.
conversations = Table(
    "conversations",
    metadata,
    Column("id", String(255), primary_key=True),  # channel:account:user
    Column("owner", String(255)),  # the life of a process that works the inbox; null: nobody
    Column("lease_until", Float),
    Column("handed_over_until", Float),  # a person has it until then; null: the bot
)

# conversation: every message of a user, and what became of it.
inbox = Table(
    "inbox",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(255), nullable=False, unique=True),  # channel:account:message-id
    Column("conversation", String(255), ForeignKey("conversations.id"), nullable=False),
    Column("message", Text, nullable=False),  # InboundMessage as JSON
    Column("received_at", Float, nullable=False),
    Column("state", String(16), nullable=False),  # open, answered, done
    Column("reply", Text),  # Reply as JSON, once answered
    Column("answered_at", Float),
    Column(
        "delivered", Integer, nullable=False, server_default=text("0")
    ),  # characters of the reply's text that the user has
    Column("delivered_at", Float),  # when the user had all of it
    Column("response", Text),  # what this message was answered with, word for word: a repeat gets it again
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Index("inbox_by_conversation", "conversation", "seq"),
    Index(
        "inbox_unfinished",
        "conversation",
        "seq",
        sqlite_where=text("state <> 'done'"),
        postgresql_where=text("state <> 'done'"),
    ),
)

# retrieval: complete, immutable sets of passages; live_versions says which one answers.
index_versions = Table(
    "index_versions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("knowledge_base", String(64), nullable=False),
    Column("collection", String(255), nullable=False),  # its name in Chroma
    Column("embedding_model", String(255), nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("whole", Boolean, nullable=False),  # false while it is being built, or if that was cut off
    Column("demonstration", Boolean, nullable=False),  # the content of the demonstration shop
    Column("measured", Text, nullable=False),  # JSON object of numbers: see retrieval.building
)
live_versions = Table(
    "live_versions",
    metadata,
    Column("knowledge_base", String(64), primary_key=True),
    Column("version", Integer, ForeignKey("index_versions.id"), nullable=False),
    Column("since", Float, nullable=False),
)
passages = Table(
    "passages",
    metadata,
    Column("version", Integer, ForeignKey("index_versions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # its place in the version, from 0
    Column("id", String(255), nullable=False),
    Column("kind", String(16), nullable=False),  # faq, section
    Column("file", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("similar", Text, nullable=False),  # JSON list
    Column("text", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("hubness", Float, nullable=False),  # see retrieval.ranking
)
# retrieval: the words of a version with their vectors, for retrieval.ranking's soft match.
word_vectors = Table(
    "word_vectors",
    metadata,
    Column("version", Integer, ForeignKey("index_versions.id"), primary_key=True),
    Column("model", String(255), nullable=False),
    Column("words", Text, nullable=False),  # one a line
    Column("dimension", Integer, nullable=False),
    Column("vectors", LargeBinary, nullable=False),  # float16, little endian, one after the other
)
# ingestion: what each file of a version held, so that an unreadable one keeps its last good passages.
version_files = Table(
    "version_files",
    metadata,
    Column("version", Integer, ForeignKey("index_versions.id"), primary_key=True),
    Column("file", String(1024), primary_key=True),
    Column("sha256", String(64), nullable=False),
)
# llm: vectors by content and model, so that only what changed is embedded again.
embeddings = Table(
    "embeddings",
    metadata,
    Column("model", String(255), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32, little endian
    Column("used_at", Float, nullable=False),
)

# channels.wechat: one access token for all processes, and who is getting the next one.
wechat_tokens = Table(
    "wechat_tokens",
    metadata,
    Column("account", String(64), primary_key=True),  # its AppID
    Column("token", Text),  # null: none yet
    Column("expires_at", Float),
    Column("refreshed_by", String(64)),  # the life of a process that asks for a new one; null: nobody
    Column("lease_until", Float),
    Column("forced_at", Float),  # WeChat takes 20 forced refreshes a day, 30 s apart
    Column("forced_day", Integer),  # days since 1970 in Beijing
    Column("forced_count", Integer, nullable=False, server_default=text("0")),  # on that day
)
