"""HTTP: the protocol, middleware, JSON bodies, and errors as problem documents."""
