// Package wire holds the words that a client and the gateway exchange, apart from how a dialect spells them.
//
// A connection flows like this:
//
//	client                              gateway
//	handshake with a credential    ->
//	                               <-   101, then welcome
//	subscribe room:1               ->
//	                               <-   ok
//	publish room:1                 ->
//	                               <-   ok, once the engine has it
//	                               <-   message, to every subscriber of room:1
//	echo lab:rtt                   ->
//	                               <-   ok with the same data, to the sender alone
//	subscribe room:1 since 41      ->   on another connection, later
//	                               <-   ok, recovered; then what was missed, then what is new
//	history room:1                 ->
//	                               <-   ok with a page of messages
//	                               <-   close 4200, when the credential's right ends
//
// A request that has an id gets exactly one ok or error with that id. One without gets no ok, but still its error.
package wire

//go:generate go test . -run TestTheRegisterOfCodesIsFresh -update
