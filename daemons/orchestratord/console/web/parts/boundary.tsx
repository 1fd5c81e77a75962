import { Component, type ComponentChildren } from "preact";
import { Missing } from "./missing.tsx";

interface Props {
  /** A change of it clears the error. */
  readonly place: string;
  readonly children: ComponentChildren;
}

interface State {
  readonly error?: unknown;
  readonly place?: string;
}

/** Shows a message in place of a page that fails to render; the rest of the console stays usable. */
export class Boundary extends Component<Props, State> {
  override state: State = {};

  static override getDerivedStateFromProps({ place }: Props, state: State): State | null {
    return state.place === place ? null : { place, error: undefined };
  }

  static override getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    const text = error instanceof Error ? error.message : String(error);
    return (
      <Missing
        title="This page cannot be shown"
        text={text}
        href="#/"
        link="To the overview"
        onFollow={() => this.setState({ error: undefined })}
      />
    );
  }
}
