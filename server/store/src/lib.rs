//! Every SQL statement, migrations, both databases.
