"""One outside world a module; each translates its errors into core.errors."""
