//! The sans-io connection: hello, ticket, acks, clock sync, budgets.
