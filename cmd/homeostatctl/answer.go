// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/operate"
)

const aboutAnswer = `

Without --digest the question is read, shown, and on a terminal has to be
confirmed. With --digest the answer is sent only to the question that has this
digest: one that has changed since it was read is not answered.`

// answering is what approve and deny are asked to do.
type answering struct {
	decision string
	digest   string
	comment  string
	yes      bool
}

func newApprove(o *options) *cobra.Command {
	return newAnswer(o, console.Approve, "Approve the open question of an incident",
		"Approves the open question of an incident. Every guard runs again before anything is done.")
}

func newDeny(o *options) *cobra.Command {
	return newAnswer(o, console.Deny, "Deny the open question of an incident",
		"Denies the open question of an incident: the step is not done.")
}

func newAnswer(o *options, decision, short, long string) *cobra.Command {
	a := &answering{decision: decision}
	cmd := &cobra.Command{
		Use:   decision + " ID",
		Short: short,
		Long:  long + aboutAnswer,
		Args:  exactly("the id of an incident"),
		RunE: o.talkAbout(func(ctx context.Context, c *console.Client, p printer, id string) error {
			return a.send(ctx, c, p, id)
		}),
	}
	cmd.Flags().StringVar(&a.digest, "digest", "", "digest of the question that you read (show prints it)")
	cmd.Flags().StringVar(&a.comment, "comment", "", "why; it becomes part of the audit trail")
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask for confirmation")
	return cmd
}

func (a *answering) send(ctx context.Context, c *console.Client, p printer, id string) error {
	digest := a.digest
	if digest == "" {
		incident, err := c.Incident(ctx, id)
		if err != nil {
			return err
		}
		if incident.Question == nil {
			return &console.Problem{
				Type: console.ProblemTooLate, Title: "The incident asks nothing", Status: 409,
				Detail: fmt.Sprintf("incident %s is %s and asks nothing", id, incident.State), Remedy: "look at it with show",
			}
		}
		if err := a.confirm(p, *incident.Question); err != nil {
			return err
		}
		digest = incident.Question.Digest
	}
	body := console.AnswerBody{Digest: digest, Decision: a.decision, Comment: a.comment}
	if err := c.Answer(ctx, id, body); err != nil {
		return err
	}
	return done(p, map[string]string{console.Approve: "Approved ", console.Deny: "Denied "}[a.decision]+id+".", map[string]any{"incident": id, "decision": a.decision, "digest": digest})
}

// confirm shows the question and asks, unless the user said yes already. A
// script cannot be asked, and must not approve what nobody read.
func (a *answering) confirm(p printer, question operate.Question) error {
	if !a.yes && !isTerminal(p.in) {
		return usageError{errors.New("there is no terminal to ask for confirmation: name the question with --digest, or use --yes")}
	}
	if !p.json {
		if err := printQuestion(p.out, question); err != nil {
			return err
		}
	}
	if a.yes {
		return nil
	}
	fmt.Fprintf(p.out, "%s? [y/N] ", strings.ToUpper(a.decision[:1])+a.decision[1:])
	if !readYes(p.in) {
		return errUnconfirmed
	}
	return nil
}

func readYes(in io.Reader) bool {
	line, _ := bufio.NewReader(in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true
	default:
		return false
	}
}

func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// done tells that the engine has recorded something.
func done(p printer, text string, value any) error {
	if p.json {
		return printJSON(p.out, value)
	}
	_, err := fmt.Fprintln(p.out, clean(text))
	return err
}
