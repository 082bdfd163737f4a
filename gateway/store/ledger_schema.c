/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_schema.c: the tables. What an event says stands in its line and nowhere else, so that nothing can
 * disagree with the bytes that are chained. */
#include "gateway/store/ledger_file.h"

/* "stLG" */
#define APPLICATION_ID 0x73744c47

static const char *const migrations[] = {
    "CREATE TABLE log ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  epoch TEXT NOT NULL,"
    "  base INTEGER NOT NULL," /* id of event seq of this epoch is base + seq */
    "  acked INTEGER NOT NULL,"
    "  head INTEGER NOT NULL,"
    "  head_hash BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE events ("
    "  id INTEGER PRIMARY KEY,"
    "  prev BLOB NOT NULL," /* the chain's hash before this event */
    "  line TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE state ("
    "  key TEXT PRIMARY KEY,"
    "  value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;",

    "CREATE TABLE commands ("
    "  n INTEGER PRIMARY KEY," /* in the order in which they came */
    "  kid TEXT NOT NULL,"
    "  jti TEXT NOT NULL,"
    "  ref TEXT NOT NULL,"  /* of its bytes */
    "  what TEXT NOT NULL," /* what it is about, for its event if it is cut short */
    "  boot TEXT NOT NULL," /* when it came */
    "  at INTEGER NOT NULL,"
    "  result TEXT," /* NULL: started */
    "  seq INTEGER," /* of the event that tells the result */
    "  UNIQUE (kid, jti)"
    ") STRICT;",
};

const struct database_format ledger_schema = {
    .application_id = APPLICATION_ID,
    .migrations = migrations,
    .version = sizeof(migrations) / sizeof(migrations[0]),
};
