//! Many worlds: threads, pacing, mailboxes, hibernate and wake, record and replay.
