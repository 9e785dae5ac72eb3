package io.kith.server.istio;

import picocli.CommandLine.Command;

/** What Istio is told so that sidecars ask Kith. */
@Command(
    name = "istio",
    description = {
      "EnvoyFilters that make the sidecars of a mesh ask Kith, with your own values, to read and to"
          + " apply: 'recipe' is for all sidecars and lets nothing pass while Kith cannot be asked;"
          + " 'overlay' says otherwise for a scope.",
      "docs/recipes.md has what they cover, what they do not, and what is drained when they"
          + " change.",
    },
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "VERB",
    subcommands = {RecipeCommand.class, OverlayCommand.class},
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith istio recipe baseline --server kith-checks.kith.svc.cluster.local:9191 \\",
      "    --server-id spiffe://cluster.local/ns/kith/sa/kith-server | kubectl apply -f -",
      "  kith istio overlay '*' --failure open | kubectl apply -f -     while the mesh is observed",
      "  kith istio overlay shop --failure closed | kubectl apply -f -  before shop is enforced",
    })
public final class IstioCommand {}
