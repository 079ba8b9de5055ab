"""A difficult fleet against any subscriber, graded; must never judge by anything but receipts and a query."""
