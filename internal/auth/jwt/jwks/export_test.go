package jwks

// NewTransport is how keys are fetched, for tests.
var NewTransport = newTransport
