package node

// Walk shows every path that the clients' listener answers.
func (n *Node) Walk(each func(method, path string)) { n.gateway.Walk(each) }
