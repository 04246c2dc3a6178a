// cert-manager in one process: its controllers for self-signed and CA issuers, and its webhook.
//
// Its own commands are modules of their own that the Go proxy does not have, so this one puts its packages together
// as they do. It is built within its module, whose internal packages it needs. No other controller takes part: they
// would bring the libraries of five clouds into the build.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

func main() {
	flags := flag.NewFlagSet("cert-manager", flag.ExitOnError) // a library has taken a name of the common one
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	namespace := flags.String("namespace", "cert-manager", "where the secrets of cluster issuers are")
	port := flags.Int("webhook-port", 0, "where the webhook listens")
	healthz := flags.Int("health-port", 0, "where the webhook says that it is ready, over plain HTTP")
	keys := flags.String("webhook-keys", "", "the webhook's certificate: FILE.crt and FILE.key")
	_ = flags.Parse(os.Args[1:])
	logf.InitLogs()
	ctx, end := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer end()
	ctx = logf.NewContext(ctx, klog.Background(), "cert-manager")
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, *kubeconfig, int32(*port), int32(*healthz), *keys) })
	group.Go(func() error { return control(ctx, group, *kubeconfig, *namespace) })
	if err := group.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
		os.Exit(1)
	}
}

// serve runs the webhook.
func serve(ctx context.Context, kubeconfig string, port, healthz int32, keys string) error {
	options := config.WebhookConfiguration{
		KubeConfig: kubeconfig, SecurePort: port, HealthzPort: healthz, MetricsListenAddress: "0",
	}
	options.TLSConfig.Filesystem.CertFile = keys + ".crt"
	options.TLSConfig.Filesystem.KeyFile = keys + ".key"
	server, err := webhook.NewCertManagerWebhookServer(logf.FromContext(ctx), options)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

// control runs every controller that is linked in.
func control(ctx context.Context, group *errgroup.Group, kubeconfig, namespace string) error {
	options := controller.ContextOptions{Kubeconfig: kubeconfig}
	options.ClusterResourceNamespace = namespace
	options.DefaultIssuerKind, options.DefaultIssuerGroup = "Issuer", "cert-manager.io"
	options.DefaultAutoCertificateAnnotations = []string{"kubernetes.io/tls-acme"}
	options.CopiedAnnotationPrefixes = []string{"*", "-kubectl.kubernetes.io/"}
	// A refused request is tried again after a time that a test can wait for; in production it is an hour.
	options.CertificateRequestMinimumBackoffDuration = 5 * time.Second
	options.CertificateRequestMaximumBackoffDuration = time.Minute
	options.EnableGatewayAPI = true
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	for name, create := range controller.Known() {
		made, err := create(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		group.Go(func() error { return made.Run(2, ctx) })
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.GWShared.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return nil
}
