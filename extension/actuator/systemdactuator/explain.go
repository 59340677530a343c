// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"context"
	"fmt"
	"strconv"

	"github.com/homeostat/homeostat/extension/actuator"
)

func (e *systemdExtension) explain() actuator.Verb {
	return actuator.Verb{Spec: specExplain, Plan: e.planExplain, Execute: e.runExplain}
}

func (e *systemdExtension) planExplain(ctx context.Context, req actuator.Request) (actuator.Preview, error) {
	if _, err := unitOf(req.Target); err != nil {
		return actuator.Preview{}, err
	}
	conn, err := e.connect(ctx)
	if err != nil {
		return actuator.Preview{}, err
	}
	defer conn.Close()
	u, err := e.inspect(ctx, conn, req.Target)
	if err != nil {
		return actuator.Preview{}, err
	}
	return actuator.Preview{
		Identity: u.identity(), Target: u.String(), Contribution: actuator.NoContribution,
		Effects: []string{"reads the state and the journal of " + u.String()},
	}, nil
}

func (e *systemdExtension) runExplain(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	if _, err := unitOf(req.Target); err != nil {
		return refused, err
	}
	conn, err := e.connect(ctx)
	if err != nil {
		return refused, err
	}
	defer conn.Close()
	u, err := e.inspect(ctx, conn, req.Target)
	if err != nil {
		return refused, err
	}
	if !u.identity().Equal(req.Identity) {
		return refused, fmt.Errorf("%w: %s, invocation %s", actuator.ErrIdentityChanged, u, u.invocation)
	}
	facts := u.facts()
	if lines := req.Params[paramLines].(int64); lines > 0 {
		facts["journal"] = e.journal(ctx, u, int(lines))
	}
	if err := e.allowed(u.names, e.own); err != nil {
		facts["protected"] = err.Error()
	}
	return actuator.Result{
		Outcome: actuator.Applied, Facts: facts,
		Detail: fmt.Sprintf("%s, result %s, restarted %s times by systemd", u, orNone(facts["result"]), orNone(facts["restarts"])),
	}, nil
}

// facts is the evidence about a unit. Properties that its type does not have
// are left out.
func (u unit) facts() map[string]string {
	facts := map[string]string{
		"unit":          actuator.Clean(u.name, longestName),
		"load_state":    actuator.Clean(u.load, 40),
		"active_state":  actuator.Clean(u.active, 40),
		"sub_state":     actuator.Clean(u.sub, 40),
		"invocation_id": u.invocation,
	}
	for key, property := range map[string]string{
		"description": "Description", "fragment": "FragmentPath", "unit_file_state": "UnitFileState",
		"result": "Result", "restarts": "NRestarts", "exit_status": "ExecMainStatus", "exit_code": "ExecMainCode", "main_pid": "MainPID",
		"restart_policy": "Restart", "control_group": "ControlGroup",
	} {
		for _, props := range []map[string]any{u.unitProps, u.typeProps} {
			if text, ok := plain(props[property]); ok {
				facts[key] = actuator.Clean(text, 300)
			}
		}
	}
	return facts
}

// plain writes a property of a simple type as text.
func plain(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, v != ""
	case int32:
		return strconv.FormatInt(int64(v), 10), true
	case uint32:
		return strconv.FormatUint(uint64(v), 10), true
	}
	return "", false
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
