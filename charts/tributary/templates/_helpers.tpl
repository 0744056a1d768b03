{{- /* Prefix of the names of all objects. */ -}}
{{- define "tributary.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What selects the operator's pods; never changes within a release. */ -}}
{{- define "tributary.selectorLabels" -}}
app.kubernetes.io/name: tributary-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Labels of the pod of `helm test`: none by which the operator's pods are selected. */ -}}
{{- define "tributary.testLabels" -}}
app.kubernetes.io/name: tributary-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Labels of all objects. */ -}}
{{- define "tributary.labels" -}}
{{ include "tributary.selectorLabels" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tributary
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Labels of what the Prometheus Operator reads. */ -}}
{{- define "tributary.monitoringLabels" -}}
{{ include "tributary.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tributary.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tributary.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* Reference of an image: takes (list $ .Values.operator.image). */ -}}
{{- define "tributary.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* What the operator does with the kinds and with what pipelines own: in every namespace, or in the watched ones. */ -}}
{{- define "tributary.rules" -}}
- apiGroups: [tributary.dev]
  resources: [analyticspipelines, eventschemas, forwardingrules]
  verbs: [get, list, watch]
# A pipeline that is deleted with its data has a finalizer; it never gets anything else written.
- apiGroups: [tributary.dev]
  resources: [analyticspipelines]
  verbs: [patch]
- apiGroups: [tributary.dev]
  resources: [analyticspipelines/status, eventschemas/status, forwardingrules/status]
  verbs: [patch]
# Some clusters ask for this before an object may own another one.
- apiGroups: [tributary.dev]
  resources: [analyticspipelines/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch]
# A team's Secrets are read by name only; what is written is the processors' own connection Secret.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- if .Values.tenants }}
# Labels and UID say which tenant a namespace is of, and whether it was made again under its name.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end }}
{{- if .Values.autoscaling.keda }}
- apiGroups: [keda.sh]
  resources: [scaledobjects, triggerauthentications]
  verbs: [get, create, patch, delete]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.podMonitor.perPipeline }}
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, create, patch]
{{- end }}
{{- end -}}
