package openvswitch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"
)

// answerTimeout bounds the wait for the database.
const answerTimeout = 5 * time.Second

// ErrNotThere says that Open vSwitch does not run on this host.
var ErrNotThere = errors.New("Open vSwitch does not run here: no server answers at " + RunDir + "/db.sock") //nolint:staticcheck // a name

// A query is one select of OVSDB (RFC 7047, section 5.2.2).
type query struct {
	Op      string   `json:"op"`
	Table   string   `json:"table"`
	Where   [][]any  `json:"where"`
	Columns []string `json:"columns"`
}

func selects(table, column, function string, value any, columns ...string) query {
	return query{Op: "select", Table: table, Where: [][]any{{column, function, value}}, Columns: columns}
}

// A row is one row of an answer, by its columns.
type row map[string]json.RawMessage

// database is a connection to ovsdb-server: JSON-RPC 1.0, one question at a
// time.
type database struct {
	conn net.Conn
	in   *json.Decoder
}

func dial(ctx context.Context) (*database, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", RunDir+"/db.sock")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotThere
	}
	if err != nil {
		return nil, fmt.Errorf("ask Open vSwitch's database: %w", err)
	}
	deadline := time.Now().Add(answerTimeout)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	return &database{conn: conn, in: json.NewDecoder(conn)}, nil
}

func (d *database) close() { d.conn.Close() }

// transact makes queries at once, and returns the rows of each.
func (d *database) transact(queries ...query) ([][]row, error) {
	rows, err := d.ask(queries)
	if err != nil {
		return nil, fmt.Errorf("ask Open vSwitch's database: %w", err)
	}
	return rows, nil
}

func (d *database) ask(queries []query) ([][]row, error) {
	params := []any{"Open_vSwitch"}
	for _, q := range queries {
		params = append(params, q)
	}
	request := map[string]any{"method": "transact", "params": params, "id": 0}
	if err := json.NewEncoder(d.conn).Encode(request); err != nil {
		return nil, err
	}
	for {
		var m struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
			ID     json.RawMessage `json:"id"`
			Result []struct {
				Rows    []row  `json:"rows"`
				Error   string `json:"error"`
				Details string `json:"details"`
			} `json:"result"`
			Error json.RawMessage `json:"error"`
		}
		if err := d.in.Decode(&m); err != nil {
			return nil, err
		}
		if m.Method != "" {
			// An echo request, which our next message answers.
			continue
		}
		if len(m.Error) > 0 && string(m.Error) != "null" {
			return nil, fmt.Errorf("it answers %s", m.Error)
		}
		if len(m.Result) < len(queries) {
			return nil, fmt.Errorf("it answers %d of %d questions", len(m.Result), len(queries))
		}
		var answers [][]row
		for _, r := range m.Result {
			if r.Error != "" {
				return nil, fmt.Errorf("it answers %s: %s", r.Error, r.Details)
			}
			answers = append(answers, r.Rows)
		}
		return answers, nil
	}
}
