// The rule files of the Prometheus beside it: those in ConfigMaps with a label, of every namespace.
//
//	rules LABEL FOLDER PROMETHEUS
//
// Each is loaded by itself: one that Prometheus refuses is told of in the log and in an event of its ConfigMap, and
// left out, and the others stay in force.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

type metadata struct {
	Name            string `json:"name"`
	Namespace       string `json:"namespace"`
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`
}

type configMap struct {
	Metadata metadata          `json:"metadata"`
	Data     map[string]string `json:"data"`
}

type rules struct {
	label, folder, prometheus string
	client                    *http.Client
	loaded                    map[string]string // what was tried last under a file's name
}

func main() {
	pem, err := os.ReadFile(account + "ca.crt")
	if err != nil || len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "rules LABEL FOLDER PROMETHEUS, in a pod with a service account's token:", err)
		os.Exit(2)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	r := rules{os.Args[1], os.Args[2], os.Args[3], &http.Client{Transport: transport}, map[string]string{}}
	for {
		if err := r.follow(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(time.Second)
		}
	}
}

// follow loads what there is, and comes back when that may have changed.
func (r *rules) follow() error {
	selector := "/api/v1/configmaps?labelSelector=" + url.QueryEscape(r.label)
	answer, err := r.call("GET", selector, nil)
	if err != nil {
		return err
	}
	var list struct {
		Metadata metadata    `json:"metadata"`
		Items    []configMap `json:"items"`
	}
	err = json.NewDecoder(answer.Body).Decode(&list)
	answer.Body.Close()
	if err != nil {
		return err
	}
	if err := r.load(list.Items); err != nil {
		return err
	}
	version := url.QueryEscape(list.Metadata.ResourceVersion)
	watch, err := r.call("GET", selector+"&watch=1&timeoutSeconds=300&resourceVersion="+version, nil)
	if err != nil {
		return err
	}
	defer watch.Body.Close()
	_, err = watch.Body.Read(make([]byte, 1)) // the first word of the first change
	if err == io.EOF {
		err = nil
	}
	return err
}

// load makes the files be those of `maps`.
func (r *rules) load(found []configMap) error {
	wanted := map[string]string{}
	source := map[string]metadata{}
	for _, item := range found {
		for key, text := range item.Data {
			name := item.Metadata.Namespace + "_" + item.Metadata.Name + "_" + strings.TrimSuffix(key, ".yml") + ".yml"
			wanted[name], source[name] = text, item.Metadata
		}
	}
	gone := false
	for name := range r.loaded {
		if _, still := wanted[name]; !still {
			gone = true
			delete(r.loaded, name)
			os.Remove(filepath.Join(r.folder, name))
		}
	}
	if gone {
		if refused, err := r.reload(); err != nil || refused != "" {
			return fmt.Errorf("%s %w", refused, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if text, known := r.loaded[name]; known && text == wanted[name] {
			continue
		}
		place := filepath.Join(r.folder, name)
		if err := os.WriteFile(place, []byte(wanted[name]), 0o644); err != nil {
			return err
		}
		refused, err := r.reload()
		if err != nil {
			return err
		}
		if refused != "" {
			os.Remove(place)
			fmt.Fprintln(os.Stderr, "refused", name+":", refused)
			r.tell(source[name], refused)
			if _, err := r.reload(); err != nil {
				return err
			}
		}
		r.loaded[name] = wanted[name]
	}
	return nil
}

// reload says what Prometheus has against its files, if anything.
func (r *rules) reload() (string, error) {
	answer, err := http.Post(r.prometheus+"/-/reload", "", nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return "", nil
	}
	text, err := io.ReadAll(answer.Body)
	return strings.TrimSpace(string(text)), err
}

// tell says so where the user of the ConfigMap looks.
func (r *rules) tell(about metadata, message string) {
	now := time.Now().UTC().Format(time.RFC3339)
	event := map[string]any{
		"apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": "RulesRefused", "message": message,
		"metadata":       map[string]string{"generateName": about.Name + ".", "namespace": about.Namespace},
		"source":         map[string]string{"component": "prometheus"},
		"firstTimestamp": now, "lastTimestamp": now, "count": 1,
		"involvedObject": map[string]string{
			"apiVersion": "v1", "kind": "ConfigMap", "name": about.Name, "namespace": about.Namespace, "uid": about.UID,
		},
	}
	body, err := json.Marshal(event)
	if err == nil {
		var answer *http.Response
		if answer, err = r.call("POST", "/api/v1/namespaces/"+about.Namespace+"/events", body); err == nil {
			answer.Body.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (r *rules) call(method, path string, body []byte) (*http.Response, error) {
	token, err := os.ReadFile(account + "token") // the kubelet renews it
	if err != nil {
		return nil, err
	}
	server := "https://" + os.Getenv("KUBERNETES_SERVICE_HOST") + ":" + os.Getenv("KUBERNETES_SERVICE_PORT")
	request, err := http.NewRequest(method, server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	answer, err := r.client.Do(request)
	if err == nil && answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		err = fmt.Errorf("%s %s: %s %s", method, path, answer.Status, text)
	}
	return answer, err
}
