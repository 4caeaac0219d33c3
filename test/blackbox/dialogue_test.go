package blackbox_test

import (
	"slices"
	"sync"

	"portcullis/internal/contract"
)

// dialogue is what was said on one WebSocket of portcullis.v1.json, as far as it is needed to hold every frame against api/asyncapi.yaml. A nil one
// is of another language and holds nothing.
type dialogue struct {
	// Guarded by mu: who puts and who takes may be two.
	mu      sync.Mutex
	waiting map[int64][]contract.Sent // requests without their answer, by id
	count   int                       // of waiting
	heard   int                       // frames
}

// mostWaiting bounds what is remembered of a flood; what is asked beyond it may be answered like any verb. Of one that is heard, the first frames are compared, and then one of
// many, and each whose form none had that was: a client that compares every frame would be a slow reader itself.
const (
	mostWaiting = 20_000
	firstHeard  = 100
	oneOf       = 50
)

// forms are those of frames that are as the document has them.
var forms sync.Map

// wired is api/asyncapi.yaml.
var wired = sync.OnceValue(func() *contract.Wire {
	w, err := contract.NewWire()
	if err != nil {
		panic(err)
	}
	return w
})

// asked remembers the requests of a whole text frame.
func (s *dialogue) asked(f frame) {
	if s == nil || !f.fin || f.opcode != opText {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= mostWaiting {
		return
	}
	for _, r := range contract.Requests(f.payload) {
		s.waiting[r.ID] = append(s.waiting[r.ID], r)
		s.count++
	}
}

// told holds a frame against the contract, and the request that it answers with ok. What is wrong is told at the end of the suite too, as [answer.asContracted] has it.
func (s *dialogue) told(f frame) error {
	if s == nil || f.opcode != opText {
		return nil
	}
	form := formOf(f.payload)
	if _, known := forms.Load(form); !s.listens() && known {
		return nil
	}
	err := s.check(f)
	if err != nil {
		notContracted(err)
		return err
	}
	forms.Store(form, nil)
	return nil
}

// listens says whether the frame that has come is one of those that are compared whatever their form.
func (s *dialogue) listens() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard++
	return s.heard <= firstHeard || s.heard%oneOf == 0
}

func (s *dialogue) check(f frame) error {
	var verbs []string
	requests, ok := s.answered(f)
	for _, r := range requests {
		verbs = append(verbs, r.Verb)
	}
	if err := wired().Frame(f.payload, verbs...); err != nil || !ok {
		return err
	}
	return fitting(f, requests)
}

// fitting wants one of the requests that this may answer to be as a request is told.
func fitting(f frame, requests []contract.Sent) (err error) {
	for _, r := range requests {
		if wired().Frame(f.payload, r.Verb) != nil {
			continue
		}
		if err = wired().Request(r.Text); err == nil {
			return nil
		}
	}
	return err
}

// answered forgets the request that a frame answers, and returns it: all with its id where a client used one several times.
func (s *dialogue) answered(f frame) (requests []contract.Sent, ok bool) {
	id, ok := contract.Answered(f.payload)
	if id == 0 {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	requests = s.waiting[id]
	if len(requests) == 1 {
		s.count--
		delete(s.waiting, id)
	}
	return slices.Clone(requests), ok
}
