package unet;

import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Timer;
import java.util.TimerTask;

/**
 * Runs the methods marked {@link Test} of the classes whose source files are its arguments. Prints
 * a line for each that fails; the exit status is 0 only if there were tests and all passed.
 */
public final class TestRunner {

    private static final long LIMIT_MILLISECONDS = 60_000; // for all of them

    private final PrintStream out;
    private volatile String running = "";
    private int passed;
    private int failed;

    private TestRunner(PrintStream out) {
        this.out = out;
    }

    /** @param sources such as {@code test/unet/DrainTest.java} */
    public static void main(String[] sources) throws ReflectiveOperationException {
        TestRunner runner = new TestRunner(System.out);
        System.setOut(Output.capture()); // before log4j takes hold of it
        runner.limitTime();
        long begin = System.nanoTime();
        for (String source : sources) {
            Path file = Paths.get(source).getFileName();
            runner.run(Class.forName("unet." + file.toString().replace(".java", "")));
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        runner.out.printf(
                "%d tests passed, %d failed, %.1f s%n", runner.passed, runner.failed, seconds);
        System.exit(runner.failed == 0 && runner.passed > 0 ? 0 : 1);
    }

    private void limitTime() {
        TimerTask giveUp =
                new TimerTask() {
                    @Override
                    public void run() {
                        out.printf("FAIL %s: it takes too long%n", running);
                        Runtime.getRuntime().halt(1);
                    }
                };
        new Timer(true).schedule(giveUp, LIMIT_MILLISECONDS);
    }

    private void run(Class<?> tests) throws ReflectiveOperationException {
        Constructor<?> constructor = tests.getDeclaredConstructor();
        Method[] methods = tests.getDeclaredMethods();
        Arrays.sort(methods, Comparator.comparing(Method::getName));
        for (Method method : methods) {
            if (method.isAnnotationPresent(Test.class)) {
                running = tests.getSimpleName() + "." + method.getName();
                run(constructor, method);
            }
        }
    }

    private void run(Constructor<?> constructor, Method method)
            throws ReflectiveOperationException {
        try {
            method.invoke(constructor.newInstance());
            passed++;
        } catch (InvocationTargetException e) {
            failed++;
            Throwable cause = e.getCause();
            String reason = String.valueOf(cause).replaceAll("\\s+", " ");
            out.printf("FAIL %s: %s%s%n", running, reason, where(cause, method));
        }
    }

    /** The line of the test at which it failed. */
    private static String where(Throwable failure, Method method) {
        String tests = method.getDeclaringClass().getName();
        return Arrays.stream(failure.getStackTrace())
                .filter(frame -> frame.getClassName().equals(tests))
                .map(frame -> " (" + frame.getFileName() + ":" + frame.getLineNumber() + ")")
                .findFirst()
                .orElse("");
    }
}
