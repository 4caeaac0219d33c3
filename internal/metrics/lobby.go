package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/limit"
)

// lobbyObserver implements [limit.LobbyObserver].
type lobbyObserver struct {
	waiting prometheus.Gauge
	turned  counters[limit.Turned]
}

func newLobby(f promauto.Factory) lobbyObserver {
	reasons := make(rows[limit.Turned])
	for _, why := range limit.Turns {
		reasons.row(why, string(why))
	}
	return lobbyObserver{
		waiting: newGauge(f, "connections_without_session",
			"Connections to the clients' listener that have no session: they shake hands, send a request slowly, or are being verified. Near "+
				"admission.connections the node is under attack, or slow."),
		turned: newCounters(f, "connections_turned_away_total",
			"Connections that were closed because strangers had too many: of one address (address_full), of one address in a second (address_rate), or on the "+
				"whole node, where one that has been silent makes room (displaced), or the new one goes because none has (full).",
			label("reason"), reasons, other),
	}
}

// Waiting implements [limit.LobbyObserver].
func (o *lobbyObserver) Waiting(change int) { o.waiting.Add(float64(change)) }

// TurnedAway implements [limit.LobbyObserver].
func (o *lobbyObserver) TurnedAway(why limit.Turned) { o.turned.of(why).Inc() }
