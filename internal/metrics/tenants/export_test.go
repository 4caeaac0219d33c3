package tenants

// Look is one look of Run.
var Look = (*Register).look
