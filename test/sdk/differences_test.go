package sdk_test

const (
	ofConn      = "pages talk to a gateway for long, and have the Client alone"
	ofErrors    = "an error of JavaScript is told by its class"
	ofUnits     = "a number has its unit in its name, where Go has a type for it"
	ofUnions    = "a union of TypeScript says which members come together, where Go has one struct"
	ofWebCrypto = "keys of WebCrypto need not leave it, and come to be in a promise that no constructor gives"
	ofNetwork   = "a page makes connections by what its browser has"
	ofGlobals   = "Error and Message would hide what every page, and the client, have by that name"
	ofClocks    = "tests of Go have a clock of their own without it (testing/synctest)"
	ofPatience  = "a context of Go is a signal here"
)

var clientDifferences = []difference{
	{"Conn*", "", ofConn}, {"dial", "", ofConn}, {"Subscription*", "", ofConn}, {"Message.lost", "", ofConn},
	{"ErrClosed", "ClosedError", ofErrors}, {"ErrUncertain", "UncertainError", ofErrors}, {"ErrUnsubscribed", "UnsubscribedError", ofErrors}, {"", "ProtocolError", ofErrors},
	{"Error", "RequestError", ofGlobals}, {"Error.code", "RequestError.code", ofGlobals}, {"Error.message", "RequestError.text", "message is that of every Error, with the code in front"},
	{"Error.retry", "RequestError.retryMs", ofUnits}, {"CloseError.retry", "CloseError.retryMs", ofUnits}, {"RefusedError.retryAfter", "RefusedError.retryAfterMs", ofUnits},
	{"Config.longestPause", "Config.longestPauseMs", ofUnits}, {"Welcome.ping", "Welcome.pingMs", ofUnits},
	{"Client.done", "Client.ended", "one promise tells when and why"}, {"Client.err", "", "one promise tells when and why"},
	{"Options", "", "there is no Dial that would need the half of a Config"}, {"Config.options", "", "there is no Dial that would need the half of a Config"},
	{"Options.url", "Config.url", "Options is part of Config"}, {"Options.token", "Config.token", "Options is part of Config"}, {"Options.insecurePlaintext", "Config.insecurePlaintext", "Options is part of Config"},
	{"Options.tls", "", ofNetwork}, {"Options.header", "", ofNetwork}, {"Options.maxMessage", "", ofNetwork}, {"Options.dialContext", "Config.WebSocket", ofNetwork}, {"", "Config.fetch", ofNetwork},
	{"", "WebSocketConstructor", ofNetwork}, {"", "WebSocketLike*", ofNetwork}, {"", "Config.way", ofNetwork}, {"", "Way", ofNetwork}, {"", `"ticket"`, ofNetwork}, {"", `"subprotocol"`, ofNetwork},
	{"", "TokenSource", ofPatience}, {"", "Patience*", ofPatience},
	{"Binary", "", "a Uint8Array is told from other data"}, {"", "sealed", "a text is no type of its own"}, {"", "Sealed.text", "a text is no type of its own"},
	{"Chosen.position", "Chosen.offset", "it stands as on the wire, and may be missing"}, {"", "Chosen.epoch", "it stands as on the wire, and may be missing"},
	{"Phase", "", ofUnions}, {"State.*", "", ofUnions}, {"", "Connecting*", ofUnions}, {"", "Connected*", ofUnions}, {"", "Waiting*", ofUnions}, {"", "Ended*", ofUnions},
	{"PresenceKind", "", ofUnions}, {"PresenceEvent.*", "", ofUnions}, {"", "ComingOrGoing*", ofUnions}, {"", "Anew*", ofUnions}, {"", "Untold*", ofUnions},
}

var encryptionDifferences = []difference{
	{"Error*", "EncryptionError*", ofGlobals}, {"Message*", "Publication*", ofGlobals}, {"", "UnsupportedError*", "what a browser may lack, Go has"},
	{"newIdentity", "Identity.generate", ofWebCrypto}, {"parseIdentity", "Identity.parse", ofWebCrypto}, {"Identity.marshalJSON", "Identity.export", ofWebCrypto},
	{"", "Identity.from", ofWebCrypto}, {"", "Identity.pairs", ofWebCrypto}, {"", "IdentityPairs*", ofWebCrypto},
	{"Identity.format", "", "no key can be printed from WebCrypto"}, {"Identity.logValue", "", "no key can be printed from WebCrypto"},
	{"newIssuer", "", "a class has its constructor"}, {"newRoom", "", "a class has its constructor"},
	{"JWK*", "PublicJwk*", "WebCrypto has a JsonWebKey, which may be private"}, {"", "JwkSet*", "keys that were parsed, or an address: keys takes both"},
	{"IssuerOptions.url", "", "keys that were parsed, or an address: keys takes both"}, {"IssuerOptions.httpClient", "IssuerOptions.fetch", ofNetwork},
	{"", "IssuerOptions.now", ofClocks}, {"", "RoomOptions.now", ofClocks},
	{"", "Plaintext*", "it gives bytes, a text or JSON, where Go has bytes and their packages"}, {"", "Sealable", "it gives bytes, a text or JSON, where Go has bytes and their packages"},
	{"", "Sealed", "it is the client's, so that publish takes what seal gives"}, {"", "Member.tenant", "a script sees what a member is without another question"},
}
