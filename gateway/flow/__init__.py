"""Where outbox, consent and link meet: windows, receipts, commands; must never hold state that a crash may lose."""
