//! The rules of the control plane: sessions, participants, tokens, tickets.
