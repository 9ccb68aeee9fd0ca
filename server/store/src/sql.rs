//! A statement with its number of parameters, and the tuples that fill it.
//!
//! It stands alone because it is what makes one text serve two databases: the count is checked while compiling, since
//! SQLite silently reads a parameter that nobody bound as NULL.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Encode, Error, FromRow, Postgres, Sqlite, Type};

/// A statement with `N` parameters, made by `sql!`.
#[derive(Clone, Copy, Debug)]
pub struct Sql<const N: usize> {
    /// What SQLite gets.
    pub lite: &'static str,
    /// What PostgreSQL gets.
    pub pg: &'static str,
}

/// `sql!("SELECT …")`, or `sql!("…", pg " FOR UPDATE", "")` for words that only PostgreSQL gets.
macro_rules! sql {
    ($text:expr) => {
        $crate::sql::Sql::<{ $crate::sql::params($text) }> { lite: $text, pg: $text }
    };
    ($head:expr, pg $pg:literal, $tail:literal) => {
        $crate::sql::Sql::<{ $crate::sql::params(concat!($head, $pg, $tail)) }> {
            lite: concat!($head, $tail),
            pg: concat!($head, $pg, $tail),
        }
    };
}
pub(crate) use sql;

/// The highest `$n` in a text.
#[must_use]
pub const fn params(text: &str) -> usize {
    let text = text.as_bytes();
    let (mut i, mut max) = (0, 0);
    while i < text.len() {
        let dollar = text[i] == b'$';
        let mut n = 0;
        i += 1;
        while dollar && i < text.len() && text[i].is_ascii_digit() {
            n = n * 10 + (text[i] - b'0') as usize;
            i += 1;
        }
        if n > max {
            max = n;
        }
    }
    max
}

/// A row that both drivers can build: `#[derive(sqlx::FromRow)]` is enough.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// A value that both drivers can bind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be bound on both SQLite and PostgreSQL",
    note = "use &str, String, i64, bool, f64, &[u8], Vec<u8>, or an Option of one of these"
)]
pub trait Value<'q>: Send + Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres> {}
impl<'q, T: Send + Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres>> Value<'q> for T {}

/// `$1, $2, …` as a tuple.
#[diagnostic::on_unimplemented(
    message = "this statement takes {N} parameters, given `{Self}`",
    note = "give a tuple with one value per $n; one value is written (a,)"
)]
pub trait Args<const N: usize>: Send {
    /// The values for SQLite.
    ///
    /// # Errors
    /// A value that cannot be encoded.
    fn lite(self) -> Result<SqliteArguments, Error>;

    /// The values for PostgreSQL.
    ///
    /// # Errors
    /// A value that cannot be encoded.
    fn pg(self) -> Result<PgArguments, Error>;
}

macro_rules! args {
    ($($T:ident)*) => {
        impl<'q, $($T: Value<'q>),*> Args<{ [$(stringify!($T)),*].len() }> for ($($T,)*) {
            args!(@ lite SqliteArguments $($T)*);
            args!(@ pg PgArguments $($T)*);
        }
    };
    (@ $name:ident $Out:ident $($T:ident)*) => {
        #[allow(non_snake_case, reason = "the type parameters name the values as well")]
        fn $name(self) -> Result<$Out, Error> {
            let ($($T,)*) = self;
            let mut out = $Out::default();
            $(sqlx::Arguments::add(&mut out, $T).map_err(Error::Encode)?;)*
            Ok(out)
        }
    };
}

impl Args<0> for () {
    fn lite(self) -> Result<SqliteArguments, Error> {
        Ok(SqliteArguments::default())
    }

    fn pg(self) -> Result<PgArguments, Error> {
        Ok(PgArguments::default())
    }
}

args!(A);
args!(A B);
args!(A B C);
args!(A B C D);
args!(A B C D E);
args!(A B C D E F);
args!(A B C D E F G);
args!(A B C D E F G H);
args!(A B C D E F G H I);
args!(A B C D E F G H I J);
args!(A B C D E F G H I J K);
args!(A B C D E F G H I J K L);
args!(A B C D E F G H I J K L M);
args!(A B C D E F G H I J K L M O);
args!(A B C D E F G H I J K L M O P);
args!(A B C D E F G H I J K L M O P Q);
args!(A B C D E F G H I J K L M O P Q R);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_parameter_counts() {
        assert_eq!(params("SELECT 1"), 0);
        assert_eq!(params("a = $1 OR b = $2 OR c = $1"), 2);
        assert_eq!(params("x $12 y"), 12);
        let twin = sql!("SELECT id FROM t WHERE id = $1", pg " FOR UPDATE", "");
        assert_eq!(
            (twin.lite, twin.pg),
            ("SELECT id FROM t WHERE id = $1", "SELECT id FROM t WHERE id = $1 FOR UPDATE")
        );
    }
}
