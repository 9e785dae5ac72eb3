package kith.authz

default allow := false

# What a pod may reach: a look-up in its own table.
allow if {
	destination := input.attributes.destination.address.socketAddress
	source := input.attributes.source.address.socketAddress.address
	data.kith.edges[source][destination.address] == destination.portValue
}
