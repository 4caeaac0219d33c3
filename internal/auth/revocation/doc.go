// Package revocation ends credentials before their time: one token, all that a user was given before a moment, one session at the identity service, all that a key
// signed, one certificate; and whole tenants, which are suspended.
//
// A [Revocation] is stored in the engine, which keeps it over restarts, and announced to every node, which asks its [Ledger] about everybody who comes
// and ends whoever is there. The two roads lead to the same place: what was announced and missed is found in the store.
package revocation
