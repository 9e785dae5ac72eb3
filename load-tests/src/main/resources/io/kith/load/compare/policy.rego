package kith.authz

default allow := false

# What a pod may reach: a look-up in its own table.
allow if {
	destination := input.attributes.destination.address.socketAddress
	source := input.attributes.source.address.socketAddress.address
	data.kith.edges[source][destination.address] == destination.portValue
}

default gate := false

# The same in Envoy's gate, whose own listener writes the two addresses into headers.
gate if {
	headers := input.attributes.request.http.headers
	source := split(headers["x-kith-src"], ":")[0]
	destination := split(headers["x-kith-dst"], ":")
	data.kith.edges[source][destination[0]] == to_number(destination[1])
}
