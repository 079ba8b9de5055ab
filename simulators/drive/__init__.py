"""The packaged drive: a WLTC speed trace and what follows from it; must never hold a recording of anybody."""
